"""Speech: recognise, translate, synthesise, and the service that does all three."""
