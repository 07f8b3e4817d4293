package dropin

// Forget makes the handler forget what clients were told.
func (h *Handler) Forget() { h.told = newMemory(maxRemembered) }
