"""``igconv-sr data prepare`` and ``shards``: published data sets brought to this machine."""
