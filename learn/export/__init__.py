"""Policies for other programs: what a policy does at a look as one ONNX file, held against the policy itself."""
