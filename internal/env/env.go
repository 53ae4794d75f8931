// Package env reads the settings of the service from the environment, and writes the table of them.
package env

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Load fills configs, which are pointers to structs with env tags, from the environment given as KEY=value pairs. It
// reports every problem there is at once, each with its variable's name.
func Load(environ []string, configs ...any) error {
	values := env.ToMap(environ)
	var problems []error
	for _, c := range configs {
		err := env.ParseWithOptions(c, env.Options{Environment: values})
		var all env.AggregateError
		switch {
		case errors.As(err, &all):
			for _, e := range all.Errors {
				problems = append(problems, named(c, e))
			}
		case err != nil:
			problems = append(problems, err)
		default:
			if v, ok := c.(interface{ Validate() error }); ok {
				problems = append(problems, v.Validate())
			}
		}
	}
	return errors.Join(problems...)
}

// named replaces the field's name in a parse error by its variable's. What was given is not repeated: it may be secret.
func named(config any, err error) error {
	var parse env.ParseError
	if !errors.As(err, &parse) {
		return err
	}
	field, ok := reflect.TypeOf(config).Elem().FieldByName(parse.Name)
	if !ok {
		return err
	}
	return fmt.Errorf("%s is not a valid %s", variable(field), strings.ToLower(field.Type.Name()))
}

func variable(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
	return name
}

// Table renders the settings of configs as a Markdown table, from their tags.
func Table(configs ...any) string {
	var b strings.Builder
	b.WriteString("| variable | required | default | purpose |\n|---|---|---|---|\n")
	for _, c := range configs {
		t := reflect.TypeOf(c)
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		for f := range fields(t) {
			required, otherwise := "no", "–"
			if strings.Contains(f.Tag.Get("env"), "required") {
				required = "yes"
			}
			if d := f.Tag.Get("envDefault"); d != "" {
				otherwise = "`" + d + "`"
			} else if d := f.Tag.Get("defaultHelp"); d != "" {
				otherwise = d
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", variable(f), required, otherwise, strings.ReplaceAll(f.Tag.Get("help"), "|", "\\|"))
		}
	}
	return b.String()
}

// Variables names the settings of configs.
func Variables(configs ...any) []string {
	var names []string
	for _, c := range configs {
		for f := range fields(reflect.TypeOf(c).Elem()) {
			names = append(names, variable(f))
		}
	}
	return names
}

// fields gives the struct's settings.
func fields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if f := t.Field(i); variable(f) != "" && !yield(f) {
				return
			}
		}
	}
}
