"""What routers share: request parameters, paging, wire types, client addresses."""
