"""Measuring methods against lesion masks: metrics, yardsticks, compared methods, tables."""
