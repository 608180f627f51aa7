"""HTTP meaning without sockets: request, response, router, content negotiation."""
