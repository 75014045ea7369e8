"""Rooms of LiveKit that browsers bring their cameras into. Imported only where LIVEKIT_ENABLED."""
