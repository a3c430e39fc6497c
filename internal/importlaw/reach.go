package importlaw

import "slices"

// standardOnly reports whether a kind of package reaches nothing but the
// standard library, but for the exceptions of the map.
func standardOnly(k kind) bool {
	return k == manual || k == floor0 || k == floor1 || k == core || k == part || k == kit
}

// reaches follows the imports of a package that has to stay with the standard
// library, through our own packages, and returns the first chain that ends in
// third-party code, or nothing. What the package itself imports is judged by
// [breach]; here it is what it gets through others.
func reaches(all map[string]*pkg, from *pkg, at place) string {
	if !standardOnly(at.kind) {
		return ""
	}
	seen := map[string]bool{from.path: true}
	type visit struct{ path, chain string }
	queue := []visit{{from.path, from.path}}
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		p := all[v.path]
		if p == nil {
			continue
		}
		for _, i := range p.codeImports() {
			chain := v.chain + " -> " + i.path
			switch {
			case i.std || i.ours && seen[i.path]:
			case i.ours:
				seen[i.path] = true
				queue = append(queue, visit{i.path, chain})
			case v.path != from.path && !within(i.path, at.wraps) && !ofCore(v.path, at, i.path):
				return chain
			}
		}
	}
	return ""
}

// ofCore reports whether a kit or a part reaches code through its core, which
// may import it.
func ofCore(through string, at place, to string) bool {
	place, err := findPlace(through)
	return err == nil && place.kind == core && tree(at.pattern) == through && within(to, place.wraps)
}

// codeImports returns the imports of the files that are not tests.
func (p *pkg) codeImports() []imported {
	var all []imported
	for _, f := range p.files {
		if !f.test {
			all = slices.Concat(all, f.imports)
		}
	}
	return all
}
