package catalog

// ReadDefinition reads one operator's definition as Load does, without the embedded
// ones that would take most of a fuzzing run's time.
func ReadDefinition(file string, text []byte) []error {
	r := &report{file: file}
	readDefinition(source{file: file, text: text, plugin: true}, r)
	return r.errors()
}
