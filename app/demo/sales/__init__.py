"""The sales demo: a synthesised call with planted objections, played through live and sales, and scored."""
