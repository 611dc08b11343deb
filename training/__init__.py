"""Training and scoring of the task classifier. Nothing here runs in the service; torch and the teacher live in their
own environment (`make train`), the gateway reads only the file that comes out."""
