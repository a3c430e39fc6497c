// Package awssecrets is two sources of secrets: AWS Secrets Manager and the
// Parameter Store of AWS Systems Manager.
//
//	cfg, err := config.LoadDefaultConfig(ctx)
//	vault, err := awssecrets.NewSecretsManager(secretsmanager.NewFromConfig(cfg), nil)
//	password, err := vault.Lookup(ctx, "prod/api/db#password")
//
//	params, err := awssecrets.NewParameterStore(ssm.NewFromConfig(cfg), nil)
//	all, err := params.ByPath(ctx, "/prod/api")
//
// The clients are the caller's, with their credentials, region, endpoints and
// HTTP client. Whoever switches on a ClientLogMode with bodies logs secrets.
//
// # Names
//
//	prod/api/db            the whole secret: its text, or its bytes if it is binary
//	prod/api/db#password   the field of the JSON object that the secret is
//	arn:aws:...:secret:prod/api/db-a1b2c3#password
//	/prod/api/db           a parameter
//	/prod/api/db:3         its version 3; or a label in place of the number
//	/prod/api/db#password  a field of a parameter that is a JSON object
//
// A field that is a number, true or false gives its JSON text; null, an object
// or an array is an error. A name that the service does not allow is refused
// and not asked for: Parameter Store, for one, would trim space. What the
// service answers with must have exactly the name or ARN that was asked for.
// So an ARN without its last six characters is refused where it is found, as
// "db-secret" is otherwise taken for "db" with the end "secret".
//
// # Secrets Manager
//
// [SecretsManagerOptions.Stage] is the version: AWSCURRENT by default. Whoever
// verifies what others sign with a secret accepts AWSPREVIOUS too, by a second
// source; whoever signs uses AWSCURRENT only. [SecretsManager.Rotating] tells
// whether a rotation is going on.
//
// [SecretsManager.Batch] gets many secrets by few calls, and those that it
// could get beside an error that names the others. It needs the permission
// secretsmanager:BatchGetSecretValue as well as secretsmanager:GetSecretValue
// for each. Every secret that is asked for is an entry in CloudTrail, with its
// name.
//
// # Parameter Store
//
// Values of type SecureString are decrypted. [ParameterStore.ByPath] needs
// ssm:GetParametersByPath, which AWS grants by path only: who may read /a
// recursively reads /a/b, also against an explicit denial of /a/b.
//
// # Errors
//
// Each is a [*secrets.SourceError], or joins some. No such secret, version,
// stage, parameter or field wraps [fs.ErrNotExist]; so does a secret that is
// scheduled for deletion, though it can be restored until then, and the error
// says so. A denial, and credentials that are not valid or have expired, wrap
// [fs.ErrPermission]. An end of ctx wraps its cause. Errors hold what AWS says
// of the reason, and its code, status and request id. They never wrap the
// SDK's own once there was an answer: those may carry a part of it. Where the
// credentials cannot be had nobody knows whether the secret is there; what a
// program or service gave in place of them is not shown.
//
// # What is repeated
//
// Throttling, within ctx, and by the SDK: it repeats other failures too, as the
// client is configured ([aws.Retryer]; three attempts by default), which is
// more than a [secrets.Source] does by itself. Nothing is kept between calls.
//
// Both sources are safe for concurrent use, need no closing and log nothing.
package awssecrets
