"""Published members and exports of them."""
