"""What any method must beat: intensity, left against right, level alone, nothing."""
