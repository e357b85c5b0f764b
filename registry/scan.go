package registry

// How a list is read whose items are looked at one by one: in batches, and not
// more of them for one page than take some 20 ms.
const (
	scanBatch = 1000
	scanLimit = 5000
)

// scan gives the items of a page that are kept, of a list that fetch gives
// pages of. The page is short, or even empty, where enough was looked at; it
// is the last one only when next is empty.
func scan[T any](p Page, fetch func(Page) ([]T, string, error), keep func(T) bool) (out []T, next string, err error) {
	end := Page{} // of the last item that fits, within the list
	at := Page{After: p.After, Limit: scanBatch}
	if p.Limit > 0 {
		at.Limit = min(p.Limit+1, scanBatch) // enough where all are kept
	}
	for scanned := 0; scanned < scanLimit; scanned += scanBatch {
		batch, more, err := fetch(at)
		if err != nil {
			return nil, "", err
		}
		for i, item := range batch {
			switch {
			case !keep(item):
			case p.Limit > 0 && len(out) == p.Limit: // there is a further one
				_, next, err = fetch(end)
				return out, next, err
			default:
				out, end = append(out, item), Page{After: at.After, Limit: i + 1}
			}
		}
		if more == "" {
			return out, "", nil
		}
		at = Page{After: more, Limit: scanBatch}
	}
	return out, at.After, nil
}
