package envconfig

import (
	"slices"
	"strings"
)

// checkDebug tells whether the variable turns on what Rules.Debug refuses.
func (e Environment) checkDebug(v Variable, text string) error {
	name, value := strings.ToUpper(v.Name), strings.ToLower(strings.TrimSpace(text))
	wrong := func(want, got, hint string) error {
		return &Violation{Field: v.Name, Rule: "is fit for the " + e.Tier.String() + " tier", Want: want, Got: got, Hint: hint}
	}
	if name == "NODE_ENV" && e.Tier == TierProduction && text != "production" {
		return wrong(`"production", in these letters`, "something else", "libraries show errors and skip caches unless it is set exactly so")
	}
	if e.Rules.Debug.Has(On) {
		return nil
	}
	switch {
	case name == "NODE_ENV" && slices.Contains([]string{"development", "dev", "debug", "local"}, value):
		return wrong("no development mode", "one", `set it to "production", which staging mirrors`)
	case isDebugSwitch(name) && !slices.Contains([]string{"", "0", "false", "off", "no", "n", "f", "none"}, value):
		return wrong("debugging that is off", "debugging that is on", "leave it out, or set it to false")
	case isLogLevel(name) && isVerbose(value):
		return wrong("a level of info or less detail", "one with more detail", `set it to "info"`)
	case name == "NODE_OPTIONS" && strings.Contains(value, "--inspect"):
		return wrong("no inspector", "one", "it lets others run code in the process: remove --inspect")
	}
	return nil
}

// isDebugSwitch tells whether a variable of that name turns debugging on, such
// as DEBUG, NODE_DEBUG and APP_DEBUG.
func isDebugSwitch(name string) bool {
	for _, end := range []string{"DEBUG", "DEBUG_MODE", "DEBUG_ENABLED"} {
		if name == end || strings.HasSuffix(name, "_"+end) {
			return true
		}
	}
	return name == "ENABLE_DEBUG" || name == "DEBUGGER"
}

func isLogLevel(name string) bool {
	for _, end := range []string{"LOG_LEVEL", "LOGLEVEL", "LOGGER_LEVEL", "LOGGING_LEVEL"} {
		if name == end || strings.HasSuffix(name, "_"+end) {
			return true
		}
	}
	return false
}

// isVerbose knows the levels of pino, winston and npm by name, and those of
// pino by number, of which 30 is info.
func isVerbose(level string) bool {
	return slices.Contains([]string{"debug", "trace", "verbose", "silly", "all", "10", "20"}, level)
}
