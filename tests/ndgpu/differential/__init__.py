"""The differential test: every public function against NumPy, on arguments that hypothesis draws.

`entries_*` are tables of how arguments are drawn, by name; `accepted` lists each difference
that stands, with its reason; `__main__` runs as many examples as asked for (`make fuzz`).
"""
