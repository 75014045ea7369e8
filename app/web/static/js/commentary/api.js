// Requests to the commentary service.

import { request } from "../api.js";

const COMMENTARY = "/api/commentary";
const at = (id, rest = "") => `${COMMENTARY}/sessions/${encodeURIComponent(id)}${rest}`;

export const status = () => request("GET", `${COMMENTARY}/status`);
export const sources = () => request("GET", `${COMMENTARY}/sources`);
export const profiles = async () => (await request("GET", `${COMMENTARY}/profiles`)).profiles;

/** Sessions, newest first; those that are over too. */
export const listSessions = async () => (await request("GET", `${COMMENTARY}/sessions`)).sessions;
export const newSession = (wishes) => request("POST", `${COMMENTARY}/sessions`, wishes);
export const changeSession = (id, wishes) => request("PATCH", at(id), wishes);
export const endSession = (id) => request("POST", at(id, "/end"));
/** What lets this browser into a room: `token`. */
export const enterRoom = (room) => request("POST", `${COMMENTARY}/livekit/token`, { room });

export const eventsAddress = (id) => at(id, "/events");
export const pictureAddress = (id, count) => at(id, `/picture.jpg?${count}`);
export const soundAddress = (id, comment) => at(id, `/comments/${comment}/sound.wav`);
export const historyAddress = (id, format) => at(id, `/history?format=${format}`);
