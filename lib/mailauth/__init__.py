"""A runbook library: from passwords to OAuth for mail in Microsoft 365."""
