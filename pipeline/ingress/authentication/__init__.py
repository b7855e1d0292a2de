"""Who may post. In: a request and its whole body. Out: it goes on, with the key that its signature vouches for, or not.

Signatures are checked over the content, any Content-Encoding removed: that is what the schemes' senders sign
(vendor-facts §6); a coding is put on after the signature, and any proxy on the way may take it off again.
"""
