"""What past events say of customers, asked of the database: intervals, habits, RFM, forecasts."""
