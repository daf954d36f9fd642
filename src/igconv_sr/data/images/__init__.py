"""The pixels of many files: decoded once into a store, or kept encoded in shards."""
