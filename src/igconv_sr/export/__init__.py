"""Networks as files for other programs: ONNX, torch.export, spandrel. One module per kind; export.py chooses."""
