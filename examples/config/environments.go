package main

import "github.com/masaruk/devops/envconfig"

// environments are the platform's three, each with the file of its variables.
// What an environment allows comes from its tier; here it is only narrowed, or
// given the names of the feature flags that it may have on.
func environments() (dev, stg, prod envconfig.Environment) {
	dev, stg, prod = envconfig.Development(), envconfig.Staging(), envconfig.Production()
	stg.Rules.FeatureFlags.Names = []string{"provider-payouts"}
	prod.Rules.FeatureFlags.Names = []string{"provider-payouts"}
	return dev, stg, prod
}

// exceptions are the variables in which staging may differ from production.
// Secrets, and the addresses of databases, always may.
func exceptions() []envconfig.Exception {
	var list []envconfig.Exception
	for reason, variables := range map[string][]string{
		"each environment has host names of its own": {
			"API_URL", "NEXT_PUBLIC_API_URL", "NEXT_PUBLIC_WEB_URL", "NEXT_PUBLIC_ADMIN_URL", "NEXT_PUBLIC_PROVIDER_URL",
		},
		"staging pays with play money":               {"PAYMENT_MODE", "NEXT_PUBLIC_PAYMENT_KEY"},
		"staging has nobody's data":                  {"SEED_DATA"},
		"the testers are told, not those on call":    {"ALERT_MAIL"},
		"who can read one backup cannot read others": {"BACKUP_RECIPIENTS"},
	} {
		for _, name := range variables {
			list = append(list, envconfig.Exception{Variable: name, Reason: reason})
		}
	}
	return list
}
