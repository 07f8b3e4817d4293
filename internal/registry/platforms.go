package registry

// platformSet are the platforms of the apps of a list. It is not changed.
type platformSet struct {
	ids   []string // the list that it was made of
	names map[string]struct{}
}

// HasApps reports whether there is an app of a platform. The apps are looked through once for
// every change of them.
func (r *Registry) HasApps(platform string) bool {
	ids := r.AppIDs()
	set := r.platforms.Load()
	if set == nil || len(set.ids) != len(ids) || len(ids) > 0 && &set.ids[0] != &ids[0] {
		set = &platformSet{ids, map[string]struct{}{}}
		for _, id := range ids {
			if a := r.App(id); a != nil {
				set.names[a.Platform] = struct{}{}
			}
		}
		r.platforms.Store(set)
	}
	_, has := set.names[platform]
	return has
}
