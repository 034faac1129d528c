"""Files, archives and folders -> rows; form.py says what a form of input implements, forms.py lists them."""
