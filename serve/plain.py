"""The headers that fit every answer, where a route sets no others."""

NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PLAIN = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    # Nothing but pages needs more, and they say so themselves.
    "Content-Security-Policy": NOTHING,
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Others' pages may load the widget's script, which says so; its calls go by CORS.
    "Cross-Origin-Resource-Policy": "same-origin",
}
