"""Training batches and whole benchmark images, and how their LR versions are made."""
