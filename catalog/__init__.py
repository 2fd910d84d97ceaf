"""What exists: departments, resources, items, data elements, service items, and the rules that follow from them."""
