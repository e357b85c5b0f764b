// Package pypi is the protocol of Python package indexes: what pip, uv, poetry,
// pdm, twine and flit say to one, and how to read another one. The wire shapes
// are those of the packaging specifications ("Simple repository API", which
// gathers PEP 503, 592, 658, 691, 700, 714, 740 and 792; "Core metadata";
// "Binary distribution format"; "Source distribution format"; "Version
// specifiers") and of the index's legacy upload form, which no specification
// describes and which was read from the sources of its clients.
//
// Names and versions are in names.go and version.go, file names in filename.go,
// the stored manifest in manifest.go. form.go, wheel.go, sdist.go and
// metadata.go read what is uploaded, simplejson.go and simplehtml.go write index pages,
// upstream.go and links.go read other indexes. The rest is one file per
// endpoint; the route table is in format.go.
package pypi
