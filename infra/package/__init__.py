"""Components for programs of other people, in any language: `pulumi package add`."""
