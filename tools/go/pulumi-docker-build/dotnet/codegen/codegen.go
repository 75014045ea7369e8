// Package codegen declares the one struct of Pulumi's .NET code generator that the docker-build plugin
// mentions in its schema. The generator itself is not needed to run the plugin.
package codegen

// CSharpPackageInfo tells how a .NET SDK would be built.
type CSharpPackageInfo struct {
	RespectSchemaVersion bool              `json:"respectSchemaVersion,omitempty"`
	PackageReferences    map[string]string `json:"packageReferences,omitempty"`
}
