"""The customer journey report: one document to send, as HTML or PDF, with the numbers of the page."""
