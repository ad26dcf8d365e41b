"""Facts about providers: one shape, one file a provider, no behaviour of one provider anywhere."""
