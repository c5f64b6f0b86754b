"""The services Replik stands on, started here when the settings name no others."""
