"""Every instruction form of the host device against an independent reference."""
