// Package java declares the one struct of Pulumi's Java code generator that the docker-build plugin
// mentions in its schema. The generator itself is not needed to run the plugin.
package java

// PackageInfo tells how a Java SDK would be built.
type PackageInfo struct {
	BuildFiles                      string            `json:"buildFiles,omitempty"`
	GradleNexusPublishPluginVersion string            `json:"gradleNexusPublishPluginVersion,omitempty"`
	Dependencies                    map[string]string `json:"dependencies,omitempty"`
}
