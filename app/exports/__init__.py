"""Files that leave the service: stamp, digest, CSV, XLSX."""
