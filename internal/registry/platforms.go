package registry

// maxOfPlatform bounds how many apps of a platform are listed.
const maxOfPlatform = 1000

// platformSet are the apps of a list by their platforms. It is not changed.
type platformSet struct {
	ids  []string            // the list that it was made of
	apps map[string][]string // platform → ids of its first apps
}

// AppsOf returns the ids of a platform's apps, sorted, and no more than a thousand of them. The
// list is not to be changed. The apps are looked through once for every change of them.
func (r *Registry) AppsOf(platform string) []string {
	ids := r.AppIDs()
	set := r.platforms.Load()
	if set == nil || len(set.ids) != len(ids) || len(ids) > 0 && &set.ids[0] != &ids[0] {
		set = &platformSet{ids, map[string][]string{}}
		for _, id := range ids {
			if a := r.App(id); a != nil && len(set.apps[a.Platform]) < maxOfPlatform {
				set.apps[a.Platform] = append(set.apps[a.Platform], id)
			}
		}
		r.platforms.Store(set)
	}
	return set.apps[platform]
}
