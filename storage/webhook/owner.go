package webhook

import "lieciba"

// SecretOwner is what a webhook's sealed secrets are bound to, for a change of
// the master key.
func SecretOwner(id lieciba.WebhookID) []byte { return aad(id) }
