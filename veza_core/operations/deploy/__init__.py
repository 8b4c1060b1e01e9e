"""What `manage.py migrate` needs beyond Django's command."""
