"""Who is at the console: signing in and out, and what each role may."""
