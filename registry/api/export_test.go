package api

import "reflect"

// Row is a row of the operation table, for tests from outside.
type Row struct {
	Name, Method, Path string
	Input              reflect.Type
}

// Table gives the operations of CodeArtifact and Larder's own.
func Table() []Row {
	var rows []Row
	for _, op := range operations {
		rows = append(rows, Row{op.name, op.method, op.path, op.input})
	}
	return rows
}
