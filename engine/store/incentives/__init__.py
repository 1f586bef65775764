"""What customers are given to buy with: promo codes and points, handed out, shown and counted."""
