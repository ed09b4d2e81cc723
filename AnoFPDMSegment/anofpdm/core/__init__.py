"""What every room stands on: errors, arrays, records, files, progress, devices."""
