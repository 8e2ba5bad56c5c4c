"""Programs and their gradients: lagrad's compiled form beside the adjoint by hand and the peers."""
