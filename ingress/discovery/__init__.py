"""Discovery: what models there are behind each provider account. Asked by the admin plane's process."""
