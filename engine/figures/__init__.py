"""Reports: figures by their definitions, summed from the table of daily counts."""
