"""ALERT_WEBHOOK_URL: where trouble is told of besides the administrators' chats."""
